from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.film import film

snakemake: Snakemake
run_job(snakemake, film)
