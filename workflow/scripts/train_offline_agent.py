from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.train_offline_agent import train_offline_agent

snakemake: Snakemake
run_job(snakemake, train_offline_agent)
