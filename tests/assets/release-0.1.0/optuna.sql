BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'old');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'id','"8f3e9f3ee18844e7bcc4d7ef492374b6"');
INSERT INTO "study_user_attributes" VALUES(2,1,'definition','"{\"space_name\": \"default\", \"space\": {\"about\": \"How many layers to unfreeze, at any layer or at the edge of a block, and how fast they learn.\", \"models\": [\"mobilenet\", \"resnet50\"], \"unfreeze\": {\"depth\": {\"from\": \"0%\", \"to\": \"100%\"}, \"snap\": [\"layer\", \"block\"]}, \"recipe\": {\"lr\": {\"from\": \"1e-5\", \"to\": \"3e-3\", \"log\": \"true\"}}}, \"models\": [\"efficientnet_lite0\"], \"options\": {\"data\": \"@HERE@/photos\", \"image_size\": \"32\", \"batch_size\": \"8\", \"threads\": \"1\", \"augment\": \"flip\", \"epochs\": \"2\"}, \"maximize\": [\"val/accuracy\"], \"minimize\": [], \"sampler\": \"tpe\", \"pruner\": \"median\", \"probes\": {}}"');
INSERT INTO "study_user_attributes" VALUES(3,1,'data_digest','"353662780231c49bbf184e41be26aaf9"');
INSERT INTO "study_user_attributes" VALUES(4,1,'parent_run_id','"21dcf973d8ee4faebc660be10b7f1aab"');
INSERT INTO "study_user_attributes" VALUES(5,1,'limits','{"trials": 5, "timeout": null, "patience": null, "jobs": 1, "log_models": "none"}');
INSERT INTO "study_user_attributes" VALUES(6,1,'precision','{"efficientnet_lite0": "fp32"}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,2,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,2,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,3,1,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,3,2,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,4,1,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,4,2,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,5,1,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,5,2,6.66666666666666629659e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'lr',0.0003,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'depth',0.0,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(3,1,'snap',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["layer", "block"]}}');
INSERT INTO "trial_params" VALUES(4,2,'lr',0.0003,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(5,2,'depth',2.12765957446808505471e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(6,2,'snap',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["layer", "block"]}}');
INSERT INTO "trial_params" VALUES(7,3,'lr',0.0003,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(8,3,'depth',7.80141843971631221421e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(9,3,'snap',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["layer", "block"]}}');
INSERT INTO "trial_params" VALUES(10,4,'lr',0.0003,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
INSERT INTO "trial_params" VALUES(11,4,'depth',9.92907801418439706075e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(12,4,'snap',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["layer", "block"]}}');
INSERT INTO "trial_params" VALUES(13,5,'depth',7.09276373883869215575e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}');
INSERT INTO "trial_params" VALUES(14,5,'snap',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["layer", "block"]}}');
INSERT INTO "trial_params" VALUES(15,5,'lr',2.58080005902691471397e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.003, "log": true}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"lr": 0.0003, "depth": 0.0, "snap": "layer"}');
INSERT INTO "trial_system_attributes" VALUES(2,2,'fixed_params','{"lr": 0.0003, "depth": 0.02127659574468085, "snap": "layer"}');
INSERT INTO "trial_system_attributes" VALUES(3,3,'fixed_params','{"lr": 0.0003, "depth": 0.07801418439716312, "snap": "layer"}');
INSERT INTO "trial_system_attributes" VALUES(4,4,'fixed_params','{"lr": 0.0003, "depth": 0.9929078014184397, "snap": "layer"}');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'configuration','"2b4af8aab360c387"');
INSERT INTO "trial_user_attributes" VALUES(2,1,'run_id','"a1a872bc4a7c401c8c6d504ca641c5f5"');
INSERT INTO "trial_user_attributes" VALUES(3,1,'known','0');
INSERT INTO "trial_user_attributes" VALUES(4,1,'label','"#0 efficientnet_lite0 frozen"');
INSERT INTO "trial_user_attributes" VALUES(5,1,'backbone','"efficientnet_lite0"');
INSERT INTO "trial_user_attributes" VALUES(6,1,'strategy','"frozen"');
INSERT INTO "trial_user_attributes" VALUES(7,2,'configuration','"d5dd1831e60d3642"');
INSERT INTO "trial_user_attributes" VALUES(8,2,'run_id','"5199586653404e079318bca898f13399"');
INSERT INTO "trial_user_attributes" VALUES(9,2,'known','1');
INSERT INTO "trial_user_attributes" VALUES(10,2,'label','"#1 efficientnet_lite0 top lr 0.0003"');
INSERT INTO "trial_user_attributes" VALUES(11,2,'backbone','"efficientnet_lite0"');
INSERT INTO "trial_user_attributes" VALUES(12,2,'strategy','"top"');
INSERT INTO "trial_user_attributes" VALUES(13,3,'configuration','"0b6d94a4ef7d9560"');
INSERT INTO "trial_user_attributes" VALUES(14,3,'run_id','"43a9852ef2064005bdab313d60070e77"');
INSERT INTO "trial_user_attributes" VALUES(15,3,'known','2');
INSERT INTO "trial_user_attributes" VALUES(16,3,'label','"#2 efficientnet_lite0 block7+top lr 0.0003"');
INSERT INTO "trial_user_attributes" VALUES(17,3,'backbone','"efficientnet_lite0"');
INSERT INTO "trial_user_attributes" VALUES(18,3,'strategy','"block7+top"');
INSERT INTO "trial_user_attributes" VALUES(19,4,'configuration','"c4f56f5addd407b5"');
INSERT INTO "trial_user_attributes" VALUES(20,4,'run_id','"c8324311311e4c948d6bbfa7a7004e2b"');
INSERT INTO "trial_user_attributes" VALUES(21,4,'known','3');
INSERT INTO "trial_user_attributes" VALUES(22,4,'label','"#3 efficientnet_lite0 all lr 0.0003"');
INSERT INTO "trial_user_attributes" VALUES(23,4,'backbone','"efficientnet_lite0"');
INSERT INTO "trial_user_attributes" VALUES(24,4,'strategy','"all"');
INSERT INTO "trial_user_attributes" VALUES(25,5,'configuration','"bf366e5dffe37709"');
INSERT INTO "trial_user_attributes" VALUES(26,5,'run_id','"5310b81ffc774d82a65936728c1ed4e1"');
INSERT INTO "trial_user_attributes" VALUES(27,5,'known','null');
INSERT INTO "trial_user_attributes" VALUES(28,5,'label','"#4 efficientnet_lite0 10 lr 0.000258"');
INSERT INTO "trial_user_attributes" VALUES(29,5,'backbone','"efficientnet_lite0"');
INSERT INTO "trial_user_attributes" VALUES(30,5,'strategy','"10"');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_values" VALUES(5,5,0,6.66666666666666629659e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-23 03:54:15.266776','2026-11-23 03:54:16.417185');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-23 03:54:16.442181','2026-11-23 03:54:16.853866');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-23 03:54:16.874258','2026-11-23 03:54:17.405451');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-23 03:54:17.422882','2026-11-23 03:54:18.220455');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-23 03:54:18.232741','2026-11-23 03:54:18.699873');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
