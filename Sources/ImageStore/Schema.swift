import GRDB

/// Tables of the store. Digests are text, `sha256:…`.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("image_1") { database in
            try database.execute(
                sql: """
                    -- The compressed form of each layer, by diffID. `implicit_directories`, separated
                    -- by zero bytes, are those that its tar has no entries for.
                    CREATE TABLE image_layer_blobs (
                        diff_id TEXT PRIMARY KEY,
                        digest TEXT NOT NULL,
                        media_type TEXT NOT NULL,
                        size INTEGER NOT NULL,
                        implicit_directories BLOB NOT NULL
                    ) WITHOUT ROWID;

                    -- Unpacked layers. The key is the diffID, or the chain ID for a layer that takes
                    -- attributes of directories from those below it.
                    CREATE TABLE image_layers (
                        key TEXT PRIMARY KEY,
                        diff_id TEXT NOT NULL,
                        directory TEXT NOT NULL UNIQUE,
                        size INTEGER NOT NULL
                    ) WITHOUT ROWID;
                    CREATE INDEX image_layers_diff_id ON image_layers(diff_id);

                    -- `hidden`: removed by the user, still needed by containers.
                    CREATE TABLE image_images (
                        id TEXT PRIMARY KEY,
                        manifest_digest TEXT NOT NULL,
                        manifest BLOB NOT NULL,
                        config BLOB NOT NULL,
                        size INTEGER NOT NULL,
                        hidden INTEGER NOT NULL DEFAULT 0
                    ) WITHOUT ROWID;
                    CREATE INDEX image_images_manifest ON image_images(manifest_digest);

                    -- Which unpacked layers an image is made of, lowest first.
                    CREATE TABLE image_image_layers (
                        image_id TEXT NOT NULL REFERENCES image_images(id) ON DELETE CASCADE,
                        position INTEGER NOT NULL,
                        layer_key TEXT NOT NULL,
                        PRIMARY KEY (image_id, position)
                    ) WITHOUT ROWID;
                    CREATE INDEX image_image_layers_key ON image_image_layers(layer_key);

                    -- Names in their whole form, such as docker.io/library/nginx:latest.
                    CREATE TABLE image_references (
                        name TEXT PRIMARY KEY,
                        image_id TEXT NOT NULL REFERENCES image_images(id) ON DELETE CASCADE
                    ) WITHOUT ROWID;
                    CREATE INDEX image_references_image ON image_references(image_id);
                    """)
        }
        migrator.registerMigration("image_2") { database in
            try database.execute(
                sql: """
                    -- By which digests repositories know an image, such as
                    -- docker.io/library/nginx@sha256:…, where it was pulled from or pushed to them.
                    CREATE TABLE image_digests (
                        name TEXT PRIMARY KEY,
                        image_id TEXT NOT NULL REFERENCES image_images(id) ON DELETE CASCADE
                    ) WITHOUT ROWID;
                    CREATE INDEX image_digests_image ON image_digests(image_id);
                    """)
        }
        migrator.registerMigration("image_3") { database in
            // When the name was given to the image, in nanoseconds since 1970; 0: nobody noted it.
            try database.execute(sql: "ALTER TABLE image_references ADD COLUMN given_at INTEGER NOT NULL DEFAULT 0")
        }
        return migrator
    }
}
