from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.report_mask import report_mask

snakemake: Snakemake
run_job(snakemake, report_mask)
