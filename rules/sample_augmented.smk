rule sample_augmented:
    input:
        unpack(augmentation_inputs),
    output:
        store=directory(f"{DATA}/augmented/{{augmentation}}/{{dynamics}}/store"),
        manifest=f"{DATA}/augmented/{{augmentation}}/{{dynamics}}/manifest.json",
        provenance=f"{DATA}/augmented/{{augmentation}}/{{dynamics}}/provenance.json",
    log:
        "logs/{domain}/{scale}/sample_augmented/{augmentation}/{dynamics}/seed_{seed}.log",
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
