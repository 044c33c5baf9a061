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
        gpu=run_gpus,
    params:
        settings=settings_of("train_offline_agent"),
        code=code_of("train_offline_agent"),
    script:
        "../workflow/scripts/train_offline_agent.py"


# All runs of an agent in a table in one job: see the setting `side_by_side`.
rule train_side_by_side:
    input:
        unpack(side_by_side_data),
    output:
        policies=f"{agent_runs.SIDE_BY_SIDE}/policies.safetensors",
        snapshots=f"{agent_runs.SIDE_BY_SIDE}/snapshots.safetensors",
        card=f"{agent_runs.SIDE_BY_SIDE}/cards.json",
        provenance=f"{agent_runs.SIDE_BY_SIDE}/provenance.json",
    log:
        "logs/{domain}/{scale}/train_side_by_side/{agent}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=24000,
        runtime=1440,
        gpu=side_by_side_gpus,
    params:
        settings=settings_of("train_side_by_side"),
        code=code_of("train_side_by_side"),
    script:
        "../workflow/scripts/train_side_by_side.py"
