from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.report_dynamics import report_dynamics

snakemake: Snakemake
run_job(snakemake, report_dynamics)
