rule collect_empirical:
    output:
        store=directory(DATA + "/empirical/store"),
        manifest=DATA + "/empirical/manifest.json",
        card=DATA + "/empirical/card.json",
        provenance=DATA + "/empirical/provenance.json",
    params:
        settings=settings_of("collect_empirical"),
        code=code_of("collect_empirical"),
    log:
        "logs/{domain}/{scale}/collect_empirical/seed_{seed}.log",
    threads: 2
    resources:
        mem_mb=6000,
        runtime=60,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/collect_empirical.py"
