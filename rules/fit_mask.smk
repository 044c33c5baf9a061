rule fit_mask:
    input:
        store=DATA + "/empirical/store",
        manifest=DATA + "/empirical/manifest.json",
    output:
        mask=DATA + "/mask/mask.safetensors",
        card=DATA + "/mask/card.json",
        provenance=DATA + "/mask/provenance.json",
    params:
        settings=settings_of("fit_mask"),
        code=code_of("fit_mask"),
    log:
        "logs/{domain}/{scale}/fit_mask/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/fit_mask.py"
