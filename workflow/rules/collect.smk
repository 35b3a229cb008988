"""Named targets: `snakemake features`, `snakemake models`, and each table by its name."""


localrules:
    retrieved,
    data,
    objects,
    features,
    models,
    representations,
    scores,
    figures,
    encode,


rule retrieved:
    input:
        [str(jobs.place(name).facts) for name in jobs.retrieved],


rule data:
    input:
        filled(PATHS.manifest, dataset=jobs.datasets),


rule objects:
    input:
        filled(PATHS.objects, dataset=jobs.targets),


rule features:
    input:
        filled(PATHS.features, dataset=jobs.datasets, backbone=jobs.backbones),


rule models:
    input:
        jobs.of_all_models(PATHS.source_model),
        jobs.of_all_models(
            PATHS.tuned_model, dataset=jobs.targets, recipe=jobs.tuned + jobs.from_scratch
        ),


rule representations:
    input:
        jobs.first_latents(),
        [file for name in jobs.targets for file in jobs.of_baselines(PATHS.baseline, name)],


rule scores:
    input:
        [file for name in jobs.tables for file in jobs.table_inputs(name)],


for name in jobs.tables:

    rule:
        name:
            name
        input:
            PATHS.table(name).values(),
        localrule: True


rule figures:
    input:
        jobs.pictures(),


rule encode:
    input:
        filled(PATHS.encoded, images=list(study.encode)),
