from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.tables import tables

snakemake: Snakemake
run_job(snakemake, tables)
