-- One database and one role for each component; run once, when the data directory is made.
\getenv password DATABASE_PASSWORD
CREATE ROLE profile LOGIN PASSWORD :'password';
CREATE ROLE tagging LOGIN PASSWORD :'password';
CREATE ROLE incentive LOGIN PASSWORD :'password';
CREATE ROLE distribution LOGIN PASSWORD :'password';
CREATE ROLE gateway LOGIN PASSWORD :'password';
CREATE DATABASE profile OWNER profile;
CREATE DATABASE tagging OWNER tagging;
CREATE DATABASE incentive OWNER incentive;
CREATE DATABASE distribution OWNER distribution;
CREATE DATABASE gateway OWNER gateway;
REVOKE CONNECT ON DATABASE profile, tagging, incentive, distribution, gateway FROM PUBLIC;
