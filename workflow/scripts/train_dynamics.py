from mocoda.jobs import run_job
from mocoda.stages.train_dynamics import train_dynamics
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, train_dynamics)
