from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.collect_oracle import collect_oracle

snakemake: Snakemake
run_job(snakemake, collect_oracle)
