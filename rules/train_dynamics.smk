rule train_dynamics:
    input:
        unpack(chain_mask),
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
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


# Apart from the training, so that the oracle's rows, which only measure, rerun nothing.
rule report_dynamics:
    input:
        unpack(chain_mask),
        unpack(oracle_files("store", "manifest")),
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
        dynamics=f"{DATA}/dynamics/{{dynamics}}/dynamics.safetensors",
        dynamics_card=f"{DATA}/dynamics/{{dynamics}}/card.json",
    output:
        errors=f"{DATA}/report/{{dynamics}}/errors.json",
        provenance=f"{DATA}/report/{{dynamics}}/provenance.json",
    log:
        "logs/{domain}/{scale}/report_dynamics/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings_of("report_dynamics"),
        code=code_of("report_dynamics"),
    script:
        "../workflow/scripts/report_dynamics.py"
