rule train_offline_agent:
    input:
        unpack(agent_data),
    output:
        policy=f"{RUN}/policy.safetensors",
        snapshots=f"{RUN}/snapshots.safetensors",
        card=f"{RUN}/card.json",
        provenance=f"{RUN}/provenance.json",
    log:
        "logs/{domain}/{scale}/train_offline_agent/{agent}/{distribution}/{dynamics}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=1440,
    params:
        settings=settings_of("train_offline_agent"),
        code=code_of("train_offline_agent"),
    script:
        "../workflow/scripts/train_offline_agent.py"
