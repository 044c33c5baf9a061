rule sample_augmented:
    input:
        manifest=DATA + "/empirical/manifest.json",
        mask=DATA + "/mask/mask.safetensors",
        mask_card=DATA + "/mask/card.json",
        parents=DATA + "/parents/parents.safetensors",
        dynamics=DATA + "/dynamics/{dynamics}/dynamics.safetensors",
        dynamics_card=DATA + "/dynamics/{dynamics}/card.json",
    output:
        store=directory(DATA + "/augmented/{dynamics}/store"),
        manifest=DATA + "/augmented/{dynamics}/manifest.json",
        provenance=DATA + "/augmented/{dynamics}/provenance.json",
    params:
        settings=settings_of("sample_augmented"),
        code=code_of("sample_augmented"),
    log:
        "logs/{domain}/{scale}/sample_augmented/{dynamics}/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/sample_augmented.py"
