from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.collect_empirical import collect_empirical

snakemake: Snakemake
run_job(snakemake, collect_empirical)
