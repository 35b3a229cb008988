"""Named targets: `snakemake features`, `snakemake models`, …"""


localrules:
    data,
    features,
    models,
    scores,
    accuracy,
    disentanglement,
    figures,
    objects,
    correlation,
    open_set,
    encode,


rule data:
    input:
        PATHS.design,
        collect(PATHS.manifest, dataset=TARGETS),


rule features:
    input:
        collect(PATHS.features, dataset=[SOURCE, *TARGETS], backbone=BACKBONES),


rule models:
    input:
        of_all_models(PATHS.source_model),
        of_all_models(PATHS.tuned_model, dataset=TARGETS),


rule scores:
    input:
        rules.tabulate_accuracy.input,
        rules.tabulate_disentanglement.input,
        rules.tabulate_correlation.input,


rule accuracy:
    input:
        rules.tabulate_accuracy.output,
        rules.tabulate_comparisons.output,


rule disentanglement:
    input:
        rules.tabulate_disentanglement.output,


rule figures:
    input:
        PICTURES,


rule objects:
    input:
        collect([PATHS.objects, PATHS.mask_sheet], dataset=TARGETS),


rule correlation:
    input:
        rules.tabulate_correlation.output,


rule open_set:
    input:
        rules.tabulate_open_set.output if OPEN_SET_TABLE else [],


rule encode:
    input:
        collect(rules.encode_images.output, images=STUDY["encode"]),
