from mocoda.jobs import run_job
from mocoda.stages.film import film
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, film)
