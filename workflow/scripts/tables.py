from mocoda.jobs import run_job
from mocoda.stages.tables import tables
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, tables)
