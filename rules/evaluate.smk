rule evaluate:
    input:
        policy=f"{RUN}/policy.safetensors",
        snapshots=f"{RUN}/snapshots.safetensors",
        card=f"{RUN}/card.json",
    output:
        episodes=f"{RUN}/episodes.parquet",
        curve=f"{RUN}/curve.csv",
        provenance=f"{RUN}/evaluation_provenance.json",
    log:
        "logs/{domain}/{scale}/evaluate/{agent}/{distribution}/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=settings_of("evaluate"),
        code=code_of("evaluate"),
    script:
        "../workflow/scripts/evaluate.py"
