from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.fit_mask import fit_mask

snakemake: Snakemake
run_job(snakemake, fit_mask)
