from snakemake.script import Snakemake

from mocoda.jobs import run_job
from mocoda.stages.figures import draw_figures

snakemake: Snakemake
run_job(snakemake, draw_figures)
