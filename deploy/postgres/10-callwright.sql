-- Run once, when the volume of deploy/compose.yaml is new: a role that owns its database and is no superuser.
\getenv password DATABASE_PASSWORD
CREATE ROLE callwright LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE callwright OWNER callwright;
REVOKE CONNECT ON DATABASE callwright FROM PUBLIC;
