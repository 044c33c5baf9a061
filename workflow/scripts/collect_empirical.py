from mocoda.jobs import run_job
from mocoda.stages.collect_empirical import collect_empirical
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, collect_empirical)
