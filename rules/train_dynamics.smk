rule train_dynamics:
    input:
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
        mask=f"{DATA}/mask/mask.safetensors",
        mask_card=f"{DATA}/mask/card.json",
        oracle_store="data/{domain}/{scale}/oracle/store",
        oracle_manifest="data/{domain}/{scale}/oracle/manifest.json",
    output:
        dynamics=f"{DATA}/dynamics/{{dynamics}}/dynamics.safetensors",
        card=f"{DATA}/dynamics/{{dynamics}}/card.json",
        provenance=f"{DATA}/dynamics/{{dynamics}}/provenance.json",
    log:
        "logs/{domain}/{scale}/train_dynamics/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=300,
    params:
        settings=settings_of("train_dynamics"),
        code=code_of("train_dynamics"),
    script:
        "../workflow/scripts/train_dynamics.py"
