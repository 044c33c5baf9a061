from mocoda.jobs import run_job
from mocoda.stages.evaluate import evaluate
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, evaluate)
