rule rebalance:
    input:
        real_manifest=DATA + "/empirical/manifest.json",
        store=DATA + "/augmented/{dynamics}/store",
        manifest=DATA + "/augmented/{dynamics}/manifest.json",
    output:
        selection=DATA + "/datasets/{distribution}/{dynamics}/selection.safetensors",
        card=DATA + "/datasets/{distribution}/{dynamics}/card.json",
        provenance=DATA + "/datasets/{distribution}/{dynamics}/provenance.json",
    params:
        settings=settings_of("rebalance"),
        code=code_of("rebalance"),
    log:
        "logs/{domain}/{scale}/rebalance/{distribution}/{dynamics}/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/rebalance.py"
