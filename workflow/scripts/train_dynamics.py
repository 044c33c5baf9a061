from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.train_dynamics import train_dynamics

snakemake: Snakemake
run_job(snakemake, train_dynamics)
