rule evaluate:
    input:
        policy=RUN + "/policy.safetensors",
        snapshots=RUN + "/snapshots.safetensors",
        card=RUN + "/card.json",
    output:
        episodes=RUN + "/episodes.parquet",
        curve=RUN + "/curve.csv",
        provenance=RUN + "/evaluation_provenance.json",
    params:
        settings=settings_of("evaluate"),
        code=code_of("evaluate"),
    log:
        "logs/{domain}/{scale}/evaluate/{agent}/{distribution}/{dynamics}/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/evaluate.py"
