from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.mask_tables import mask_tables

snakemake: Snakemake
run_job(snakemake, mask_tables)
