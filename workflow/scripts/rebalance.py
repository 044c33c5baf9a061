from mocoda.jobs import run_job
from mocoda.stages.rebalance import rebalance
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, rebalance)
