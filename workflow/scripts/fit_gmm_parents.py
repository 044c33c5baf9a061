from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.fit_gmm_parents import fit_gmm_parents

snakemake: Snakemake
run_job(snakemake, fit_gmm_parents)
