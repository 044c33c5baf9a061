rule fit_gmm_parents:
    input:
        unpack(chain_mask),
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
    output:
        parents=f"{DATA}/parents/parents.safetensors",
        card=f"{DATA}/parents/card.json",
        provenance=f"{DATA}/parents/provenance.json",
    log:
        "logs/{domain}/{scale}/fit_gmm_parents/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings_of("fit_gmm_parents"),
        code=code_of("fit_gmm_parents"),
    script:
        "../workflow/scripts/fit_gmm_parents.py"
