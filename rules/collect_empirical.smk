rule collect_empirical:
    input:
        unpack(logged_file),
    output:
        store=directory(f"{DATA}/empirical/store"),
        manifest=f"{DATA}/empirical/manifest.json",
        card=f"{DATA}/empirical/card.json",
        provenance=f"{DATA}/empirical/provenance.json",
    log:
        "logs/{domain}/{scale}/collect_empirical/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        settings=settings_of("collect_empirical"),
        code=code_of("collect_empirical"),
        file=logged_file_as_seen,
    script:
        "../workflow/scripts/collect_empirical.py"
