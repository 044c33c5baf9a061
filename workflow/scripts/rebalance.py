from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.rebalance import rebalance

snakemake: Snakemake
run_job(snakemake, rebalance)
