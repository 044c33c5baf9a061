rule fit_mask:
    input:
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
    output:
        mask=f"{DATA}/mask/{{mask}}/mask.safetensors",
        card=f"{DATA}/mask/{{mask}}/card.json",
        provenance=f"{DATA}/mask/{{mask}}/provenance.json",
    log:
        "logs/{domain}/{scale}/fit_mask/{mask}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings_of("fit_mask"),
        code=code_of("fit_mask"),
    script:
        "../workflow/scripts/fit_mask.py"
