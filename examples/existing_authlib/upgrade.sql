-- Authlib's own columns hold 48 characters; a client identifier URL has up to 2048.
ALTER TABLE code ALTER COLUMN client_id TYPE text;
ALTER TABLE token ALTER COLUMN client_id TYPE text;
