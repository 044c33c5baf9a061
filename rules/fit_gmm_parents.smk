rule fit_gmm_parents:
    input:
        store=DATA + "/empirical/store",
        manifest=DATA + "/empirical/manifest.json",
        mask=DATA + "/mask/mask.safetensors",
        mask_card=DATA + "/mask/card.json",
    output:
        parents=DATA + "/parents/parents.safetensors",
        card=DATA + "/parents/card.json",
        provenance=DATA + "/parents/provenance.json",
    params:
        settings=settings_of("fit_gmm_parents"),
        code=code_of("fit_gmm_parents"),
    log:
        "logs/{domain}/{scale}/fit_gmm_parents/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/fit_gmm_parents.py"
