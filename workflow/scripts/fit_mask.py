from mocoda.jobs import run_job
from mocoda.stages.fit_mask import fit_mask
from snakemake.script import Snakemake

snakemake: Snakemake
run_job(snakemake, fit_mask)
