rule train_dynamics:
    input:
        store=DATA + "/empirical/store",
        manifest=DATA + "/empirical/manifest.json",
        mask=DATA + "/mask/mask.safetensors",
        mask_card=DATA + "/mask/card.json",
        oracle_store="data/{domain}/{scale}/oracle/store",
        oracle_manifest="data/{domain}/{scale}/oracle/manifest.json",
    output:
        dynamics=DATA + "/dynamics/{dynamics}/dynamics.safetensors",
        card=DATA + "/dynamics/{dynamics}/card.json",
        provenance=DATA + "/dynamics/{dynamics}/provenance.json",
    params:
        settings=settings_of("train_dynamics"),
        code=code_of("train_dynamics"),
    log:
        "logs/{domain}/{scale}/train_dynamics/{dynamics}/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=6000,
        runtime=300,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/train_dynamics.py"
