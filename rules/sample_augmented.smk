rule sample_augmented:
    input:
        manifest=f"{DATA}/empirical/manifest.json",
        mask=f"{DATA}/mask/mask.safetensors",
        mask_card=f"{DATA}/mask/card.json",
        parents=f"{DATA}/parents/parents.safetensors",
        dynamics=f"{DATA}/dynamics/{{dynamics}}/dynamics.safetensors",
        dynamics_card=f"{DATA}/dynamics/{{dynamics}}/card.json",
    output:
        store=directory(f"{DATA}/augmented/{{dynamics}}/store"),
        manifest=f"{DATA}/augmented/{{dynamics}}/manifest.json",
        provenance=f"{DATA}/augmented/{{dynamics}}/provenance.json",
    log:
        "logs/{domain}/{scale}/sample_augmented/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings_of("sample_augmented"),
        code=code_of("sample_augmented"),
    script:
        "../workflow/scripts/sample_augmented.py"
