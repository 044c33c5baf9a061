# Rows of the target task by a scripted oracle: they measure, nothing is trained on them.
rule collect_oracle:
    output:
        store=directory("data/{domain}/{scale}/oracle/store"),
        manifest="data/{domain}/{scale}/oracle/manifest.json",
        card="data/{domain}/{scale}/oracle/card.json",
        provenance="data/{domain}/{scale}/oracle/provenance.json",
    log:
        "logs/{domain}/{scale}/collect_oracle.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=settings_of("collect_oracle"),
        code=code_of("collect_oracle"),
    script:
        "../workflow/scripts/collect_oracle.py"
