from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.validity import validity

snakemake: Snakemake
run_job(snakemake, validity)
