from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.train_side_by_side import train_side_by_side

snakemake: Snakemake
run_job(snakemake, train_side_by_side)
