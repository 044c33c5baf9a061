# Only for domains in closed form: the truth about any state and action is computed.
rule model_error:
    input:
        unpack(chain_mask),
        unpack(model_error_data),
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
        dynamics=f"{DATA}/dynamics/{{dynamics}}/dynamics.safetensors",
        dynamics_card=f"{DATA}/dynamics/{{dynamics}}/card.json",
    output:
        errors=f"{DATA}/model_error/{{dynamics}}/errors.csv",
        provenance=f"{DATA}/model_error/{{dynamics}}/provenance.json",
    log:
        "logs/{domain}/{scale}/model_error/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings_of("model_error"),
        code=code_of("model_error"),
    script:
        "../workflow/scripts/model_error.py"
