# Scales that change one thing each, side by side.
rule compare_ablations:
    input:
        tables=tables_of_ablations,
    output:
        csv="results/{domain}/ablations.csv",
        markdown="results/{domain}/ablations.md",
        provenance="results/{domain}/ablations_provenance.json",
    log:
        "logs/{domain}/compare_ablations.log",
    wildcard_constraints:
        domain=names_of(WITH_AGENTS),
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=lambda wildcards: paths.ablations_text(CONFIG, wildcards.domain),
        code=code_version("mocoda.stages.compare_ablations"),
    script:
        "../workflow/scripts/compare_ablations.py"
