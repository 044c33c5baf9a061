from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.evaluate import evaluate

snakemake: Snakemake
run_job(snakemake, evaluate)
