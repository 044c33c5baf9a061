rule rebalance:
    input:
        unpack(generated_data),
        real_manifest=f"{DATA}/empirical/manifest.json",
    output:
        selection=f"{DATA}/datasets/{{distribution}}/{{dynamics}}/selection.safetensors",
        card=f"{DATA}/datasets/{{distribution}}/{{dynamics}}/card.json",
        provenance=f"{DATA}/datasets/{{distribution}}/{{dynamics}}/provenance.json",
    log:
        "logs/{domain}/{scale}/rebalance/{distribution}/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings_of("rebalance"),
        code=code_of("rebalance"),
    script:
        "../workflow/scripts/rebalance.py"
